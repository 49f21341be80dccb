"""Asks Jira who the token's owner is: GET /rest/api/2/myself. Needs Python 3.9 or newer and nothing else.

GATEPASS_URL      the service: https://jira.example.com
GATEPASS_TOKEN    the token
GATEPASS_USER     its owner's name, for Basic; without it the token goes as Bearer
GATEPASS_CA_FILE  PEM of a private certificate authority; without it the machine's own ones count
"""

import base64
import os
import ssl
import sys
import urllib.error
import urllib.request


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would take the token along to wherever a redirect leads."""

    def redirect_request(self, *_):
        return None


def main():
    url, token = setting("GATEPASS_URL"), setting("GATEPASS_TOKEN")
    if not url.startswith("https://"):
        sys.exit("GATEPASS_URL must begin with https://")
    user = os.environ.get("GATEPASS_USER")
    if user:
        credentials = "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()
    else:
        credentials = "Bearer " + token
    request = urllib.request.Request(
        url.rstrip("/") + "/rest/api/2/myself",
        headers={"Authorization": credentials, "Accept": "application/json"},
    )
    try:
        trust = ssl.create_default_context(cafile=os.environ.get("GATEPASS_CA_FILE") or None)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust), NoRedirect)
        with opener.open(request, timeout=30) as response:
            status, body = response.status, response.read().decode()
    except urllib.error.HTTPError as refused:
        status, body = refused.code, refused.read().decode(errors="replace")
    except OSError as error:
        sys.exit(f"{url}: {error}")
    if status != 200:
        sys.exit(f"HTTP {status}: {body}")
    print(body)


def setting(name):
    return os.environ.get(name) or sys.exit(f"{name} is not set")


main()
