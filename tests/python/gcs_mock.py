"""As much of Google Cloud Storage as an archive needs, in memory: gcs_mock.py PORT.

Written from the service's documentation, not from the client it tests. XML interface: PUT with
x-goog-if-generation-match, GET and HEAD with generation, DELETE. JSON interface: retention policy of a
bucket, retention of an object. The bucket's name says what policy it has: `locked-…` keeps objects for a
year, `loose-…` has a policy that is not locked, `plain-…` has none; there are no others. The bearer token
is `good-token`.
"""
import datetime
import http.server
import json
import sys
import threading
import urllib.parse

YEAR = datetime.timedelta(days=365)
lock = threading.Lock()
objects = {}  # (bucket, name) -> [(generation, bytes, created)], newest last
last_generation = [1_700_000_000_000_000]


def policy(bucket):
    kind = bucket.split("-")[0]
    if kind == "plain":
        return {}
    return {"retentionPolicy": {"retentionPeriod": str(int(YEAR.total_seconds())), **({"isLocked": True} if kind == "locked" else {})}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message=""):
        self.answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())

    def json(self, status, value):
        self.answer(status, json.dumps(value).encode(), Content_Type="application/json")

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/":
            return self.answer(200)
        is_json = url.path.startswith("/storage/v1/b/")
        if self.headers.get("Authorization") != "Bearer good-token":
            if is_json:
                return self.json(401, {"error": {"code": 401, "message": "Invalid Credentials"}})
            return self.error(401, "AuthenticationRequired", "Authentication required.")
        parts = url.path.removeprefix("/storage/v1/b") if is_json else url.path
        bucket, _, name = parts.lstrip("/").partition("/")
        if bucket.split("-")[0] not in ("locked", "loose", "plain"):
            return self.json(404, {"error": {"code": 404, "message": "The specified bucket does not exist."}}) \
                if is_json else self.error(404, "NoSuchBucket", "The specified bucket does not exist.")
        with lock:
            if is_json:
                return self.about(bucket, urllib.parse.unquote(name.removeprefix("o/")), query)
            return getattr(self, "xml_" + self.command.lower())(bucket, name, query, body)

    do_GET = do_HEAD = do_PUT = do_DELETE = handle_any

    def found(self, bucket, name, query):
        """Of the newest, or of the generation asked for."""
        kept = objects.get((bucket, name), [])
        wanted = query.get("generation")
        kept = [one for one in kept if str(one[0]) == wanted] if wanted else kept
        return kept[-1] if kept else None

    def about(self, bucket, name, query):
        if not name:
            return self.json(200, policy(bucket))
        one = self.found(bucket, name, query)
        if one is None:
            return self.json(404, {"error": {"code": 404, "message": f"No such object: {bucket}/{name}"}})
        if not policy(bucket):
            return self.json(200, {})
        return self.json(200, {"retentionExpirationTime": (one[2] + YEAR).isoformat(timespec="milliseconds").replace("+00:00", "Z")})

    def xml_put(self, bucket, name, _query, body):
        newest = self.found(bucket, name, {})
        match = self.headers.get("x-goog-if-generation-match")
        if match is not None and int(match) != (newest[0] if newest else 0):
            return self.error(412, "PreconditionFailed", "At least one of the pre-conditions did not hold.")
        if newest and policy(bucket):
            return self.error(403, "RetentionPolicyNotMet", "The object is subject to the bucket's retention policy.")
        last_generation[0] += 1
        made = (last_generation[0], body, datetime.datetime.now(datetime.timezone.utc))
        # Without object versioning the generation before is gone.
        objects[(bucket, name)] = [made]
        return self.answer(200, x_goog_generation=str(made[0]), ETag='"e"')

    def xml_get(self, bucket, name, query, _body):
        one = self.found(bucket, name, query)
        if one is None:
            return self.error(404, "NoSuchKey", "The specified key does not exist.")
        return self.answer(200, one[1], x_goog_generation=str(one[0]), ETag='"e"', Content_Length=str(len(one[1])))

    xml_head = xml_get

    def xml_delete(self, bucket, name, query, _body):
        if self.found(bucket, name, query) is None:
            return self.error(404, "NoSuchKey", "The specified key does not exist.")
        if policy(bucket):
            return self.error(403, "RetentionPolicyNotMet", "The object is subject to the bucket's retention policy.")
        del objects[(bucket, name)]
        return self.answer(204)


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
