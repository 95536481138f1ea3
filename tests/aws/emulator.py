"""Emulates AWS for the tests of live calls: moto, with corrections of answers that AWS's own SDKs cannot read.

Usage: emulator.py PORT
"""

import sys

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

# moto names the root after the call, S3 after the document.
ROOTS = {
    b"GetBucketVersioningResponse": b"VersioningConfiguration",
    b"ListPartsResponse": b"ListPartsResult",
}


def corrected(application):
    """Renames the root elements, and updates the length of the answer."""

    def answer(environ, start_response):
        begun = []
        body = b"".join(application(environ, lambda status, headers, *_: begun.append((status, headers))))
        status, headers = begun[0]
        for wrong, right in ROOTS.items():
            if wrong in body[:200]:
                body = body.replace(wrong, right)
        if environ["REQUEST_METHOD"] != "HEAD":
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
            headers.append(("Content-Length", str(len(body))))
        start_response(status, headers)
        return [body]

    return answer


if __name__ == "__main__":
    application = corrected(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
