"""Waits for a service and makes a tenant with a customer; prints them as variables."""

import json
import os
import time
import urllib.error
import urllib.request

service = os.environ["SERVICE"]


def post(path, token, body, **headers):
    headers |= {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{service}/api/v1{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


for attempt in range(100):
    try:
        urllib.request.urlopen(f"{service}/readyz").close()
        break
    except (urllib.error.URLError, ConnectionError):
        if attempt == 99:
            raise
        time.sleep(0.2)

tenant = post("/tenants", os.environ["OPERATOR_TOKEN"], {"slug": "strangers", "name": "Strangers"})
customer = post(
    "/customers",
    tenant["api_key"],
    {"name": "Jane", "email": "jane@example.com"},
    **{"Idempotency-Key": "first"},
)
print(f"TENANT={tenant['slug']}\nAPI_KEY={tenant['api_key']}\nCUSTOMER={customer['id']}")
