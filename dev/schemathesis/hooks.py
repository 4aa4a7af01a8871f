"""What a client knows that no description can say."""

import ipaddress
import itertools
import os

import schemathesis

used_keys = set()
numbers = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(numbers)
    # Failed logins are counted by address, and nobody's are to keep others out.
    case.headers["X-Forwarded-For"] = str(ipaddress.IPv4Address(0x0A000000 + number))
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # A key that was used is the key of that request.
    key = case.headers.get("Idempotency-Key")
    if key in used_keys:
        case.headers["Idempotency-Key"] = f"another-{number}"
    elif key is not None:
        used_keys.add(key)
    # Any tag of before is stale.
    if "If-Match" in case.headers and number % 4:
        case.headers["If-Match"] = "*"
    # Cursors are the service's to make.
    for cursor in ["after", "before"]:
        if case.query:
            case.query.pop(cursor, None)
    if case.operation.label == "POST /invoices" and isinstance(case.body, dict):
        case.body["customer_id"] = os.environ["CUSTOMER"]
