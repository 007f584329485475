"""Who hears of alarms: a webhook and a syslog server, and both must hear the same."""

import contextlib

from harness.collector import receiver
from harness.server import wait_until
from harness.syslog import Syslog

LEVELS = {"critical": 2, "major": 3, "minor": 4, "warning": 5}
NOTICE = 5
LOCAL0 = 16


class Ears:
    """Both receivers; they must hear the same."""

    def __init__(self, hook, log):
        self.hook, self.log = hook, log
        self.settings = {"XINGCHA_ALARMS_WEBHOOK": hook.url + "/hook", "XINGCHA_ALARMS_SYSLOG": log.url,
                         "XINGCHA_ALARMS_DISK_FREE_MIB": "0"}

    def heard(self, alarm):
        """What the webhook was told of it: (event, id), in order."""
        return [(body["event"], body["id"]) for body in self.hook.bodies() if body["alarm"] == alarm]

    def events(self, alarm):
        return [event for event, _ in self.heard(alarm)]

    def wait_for(self, alarm, *events):
        wait_until(lambda: self.events(alarm) == list(events), f"{alarm} is {events}")
        wait_until(lambda: len(self.logged(alarm)) == len(events), "syslog hears of it too")

    def logged(self, alarm):
        return [message for message in list(self.log.messages) if message["alarm"] == alarm]

    def check(self, alarm, severity, runbook, subject):
        """Every message of it, of both ways, has its facts; ids come in pairs."""
        for body in self.hook.bodies():
            if body["alarm"] == alarm:
                assert (body["severity"], body["runbook"], body["subject"]) == (severity, runbook, subject), body
                assert body["text"]["zh"] != body["text"]["en"] and subject in body["text"]["en"]
        logged = self.logged(alarm)
        assert [(message["event"], message["id"]) for message in logged] == self.heard(alarm)
        for message in logged:
            assert (message["facility"], message["app"], message["element"]) == (LOCAL0, "xingcha", "xingcha@32473")
            assert message["level"] == (LEVELS[severity] if message["event"] == "raised" else NOTICE), message
            assert (message["severity"], message["runbook"], message["subject"]) == (severity, runbook, subject)
            assert message["message_id"] == runbook and subject in message["text"], message


@contextlib.contextmanager
def ears(way):
    with receiver() as hook, Syslog(way) as log:
        yield Ears(hook, log)


def active(api):
    return {row["alarm"]: row for row in api.get("/admin/alarms").json()["alarms"]}


def looked_at_again(api, alarm, times=2):
    """Waits until the condition was found to hold so many times more."""
    for _ in range(times):
        seen = active(api)[alarm]["seen_unix_ms"]
        wait_until(lambda: active(api)[alarm]["seen_unix_ms"] > seen, "it is looked at again")
