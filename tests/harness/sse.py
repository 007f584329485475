"""Reads an event stream as the HTML standard has it."""

import dataclasses
import json


@dataclasses.dataclass
class Event:
    data: str
    name: str = ""

    def json(self):
        return json.loads(self.data)


class Reader:
    """Feed bytes, take events. Bytes are decoded as strict UTF-8: a split character fails."""

    def __init__(self):
        self._rest = b""
        self._data = []
        self._name = ""

    def feed(self, piece):
        self._rest += piece
        while b"\n" in self._rest:
            line, self._rest = self._rest.split(b"\n", 1)
            event = self._line(line.rstrip(b"\r").decode("utf-8"))
            if event is not None:
                yield event

    def whole(self):
        """Nothing of an unfinished event is left."""
        return not self._rest and not self._data

    def _line(self, line):
        if line == "":
            event = Event("\n".join(self._data), self._name) if self._data else None
            self._data, self._name = [], ""
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None


def events_of(body):
    reader = Reader()
    events = list(reader.feed(body))
    assert reader.whole(), f"the stream ends inside an event: {body[-200:]!r}"
    return events
