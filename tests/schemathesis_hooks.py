"""What Schemathesis cannot know: values that the server gave, or that must not be used twice.

Otherwise nearly all of its requests would end at one refusal, and find nothing behind it."""

import os
import re
import uuid
from datetime import datetime

import schemathesis

# The caller's own name and token: changed, they would end the test.
OWN = set(os.environ["GATEPASS_TEST_OWN"].split())
SEEN = os.environ["GATEPASS_TEST_SEEN"]


def fits(pattern, value):
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def comes_before(one, other):
    try:
        return datetime.fromisoformat(one) < datetime.fromisoformat(other)
    except (TypeError, ValueError):
        return False


@schemathesis.hook
def before_call(context, case, kwargs):
    query, headers, path = case.query or {}, case.headers or {}, case.path_parameters or {}
    if fits(r"[A-Za-z0-9_-]+", query.get("cursor")):
        query["cursor"] = "OTk"  # "99", which every list takes
    if query.get("format") in ("csv", "jsonl") and query.get("cursor") == "OTk":
        # An export has no pages.
        del query["cursor"]
        query.pop("limit", None)
    if fits(r'"?[!#-+\--\[\]-~]{1,255}"?', headers.get("Idempotency-Key")):
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if len(headers.get("If-Match", "")) in range(1, 1025):
        headers["If-Match"] = "*"
    if comes_before(query.get("until"), query.get("from")):
        del query["until"]
    body = case.body
    if case.operation.path == "/api/v1/tokens" and isinstance(body, dict):
        if fits(r"[a-z0-9_-]{1,64}", body.get("scope")):
            body["scope"] = "read_only"
        if fits(r"[^\s:\x00-\x1f\x7f-\x9f]{1,128}", body.get("user")):
            body["user"] = "fred"
    if case.operation.path.startswith("/api/v1/sources") and isinstance(body, dict) and isinstance(body.get("users"), list):
        # Who may be named: somebody who is there.
        body["users"] = ["fred"]
    for name, value in path.items():
        if value in OWN:
            path[name] = "somebody-else"


@schemathesis.hook
def after_call(context, case, response):
    with open(SEEN, "a") as seen:
        seen.write(f"{case.operation.definition.raw['operationId']} {response.status_code}\n")
