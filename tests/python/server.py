"""Reads a running server the way any client would: the standard library and nothing of ours."""

import json
import urllib.parse
import urllib.request


class Server:
    def __init__(self, url, key):
        self.url = url.rstrip("/")
        self.key = key

    def text(self, path, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        request = urllib.request.Request(
            f"{self.url}{path}?{query}", headers={"authorization": f"Bearer {self.key}"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read().decode("utf-8")

    def json(self, path, **parameters):
        return json.loads(self.text(path, **parameters))

    def pages(self, **parameters):
        """Every page of a search, as text."""
        while True:
            page = self.text("/v1/events", **parameters)
            yield page
            cursor = json.loads(page)["next_cursor"]
            if cursor is None:
                return
            parameters["cursor"] = cursor


def lines_of(page):
    """The events of a page exactly as they stand in its text: nothing is serialized again."""
    decoder = json.JSONDecoder()
    at = page.index('"events":') + len('"events":')
    at = page.index("[", at) + 1
    lines = []
    while page[at] != "]":
        if page[at] in ", \n\r\t":
            at += 1
            continue
        _, end = decoder.raw_decode(page, at)
        lines.append(page[at:end])
        at = end
    return lines
