"""Spans of the real program at a tiny OpenTelemetry collector."""

from harness.collector import receiver
from harness.home import Home
from harness.server import Server, wait_until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_spans_reach_the_collector_and_keep_the_callers_trace():
    with receiver() as collector, Home(models=False) as home:
        collector.statuses = [503]  # a batch is posted again
        with Server(home, XINGCHA_TRACING_OTLP=collector.url + "/v1/traces",
                    XINGCHA_TRACING_SAMPLE_PERCENT="0") as server:
            server.api.get("/v1/models")
            traced = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
            reply = server.api.request("POST", "/v1/chat/completions", headers=traced,
                                       body={"model": "none", "messages": [{"role": "user", "content": "secret words"}]})
            assert reply.status == 404
            wait_until(lambda: collector.spans(), "the batch arrives")
            spans = {span["name"]: span for span in collector.spans()}
            root, stage = spans["POST /v1/chat/completions"], spans["reserve"]
            assert root["traceId"] == stage["traceId"] == TRACE
            assert root["parentSpanId"] == PARENT and stage["parentSpanId"] == root["spanId"]
            assert root["kind"] == 2 and root["traceState"] == "vendor=1"
            assert int(root["startTimeUnixNano"]) <= int(stage["startTimeUnixNano"]) <= int(root["endTimeUnixNano"])
            facts = {a["key"]: list(a["value"].values())[0] for a in root["attributes"]}
            assert facts["http.response.status_code"] == "404"
            assert facts["xingcha.request_id"] == reply.headers["x-request-id"]
            assert b"secret words" not in b"".join(body for _, _, body in collector.posts)
            assert {span["traceId"] for span in collector.spans()} == {TRACE}, "unasked ones are not sampled"
            path, headers, _ = collector.posts[0]
            assert path == "/v1/traces" and headers["Content-Type"] == "application/json"


def test_a_collector_that_is_away_costs_nothing():
    with Home(models=False) as home, Server(home, XINGCHA_TRACING_OTLP="http://127.0.0.1:9/v1/traces") as server:
        for _ in range(50):
            assert server.api.get("/v1/models").status == 200
        assert "traces" in server.api.get("/metrics").body.decode()
