"""Starts `mock-controller` and drives it. Uses only the standard library; copy it into your tests.

    with MockController(seed="apps.toml") as mock:
        mock.fault("AppList", {"kind": "status", "status": 503}, times=2)
        ...
        assert len(mock.requests(op="AppList")) == 3
"""

import base64
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

# Neither the cluster nor the control API is behind a proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ControlError(Exception):
    """A call of the control API that failed."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class MockController:
    def __init__(self, *options, program=None, seed=None):
        program = program or os.environ.get("MOCK_CONTROLLER", "mock-controller")
        self._folder = tempfile.TemporaryDirectory()
        ready = os.path.join(self._folder.name, "ready.json")
        command = [program, "--no-tls", "--ready-file", ready, *options]
        if seed:
            command += ["--seed", seed]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.facts = self._wait(ready)
        self.url = self.facts["url"]
        self.key = self.facts["key"]

    def _wait(self, ready, timeout=30):
        """Waits for the ready file, which appears in one step."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError(f"mock-controller ended with {self._process.returncode}")
            try:
                with open(ready, encoding="utf-8") as file:
                    return json.load(file)
            except FileNotFoundError:
                time.sleep(0.01)
        self.close()
        raise TimeoutError("mock-controller is not ready")

    def close(self):
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def control(self, method, path, body=None, **query):
        """Calls the control API."""
        query = {name: value for name, value in query.items() if value is not None}
        url = self.facts["control_url"] + path
        if query:
            url += "?" + urllib.parse.urlencode(query)
        headers = {"Authorization": "Bearer " + self.facts["token"]}
        status, answer = _send(method, url, headers, body)
        if status >= 400:
            raise ControlError(status, answer["error"])
        return answer

    def fault(self, op, fault, **options):
        """Sets a fault; options are `path`, `times`, `skip`, `until_lifted`, `delay_ms`."""
        return self.control("POST", "/faults", {"op": op, "fault": fault, **options})["id"]

    def requests(self, **filters):
        """Returns the recorded requests; `min=2` waits for two."""
        return self.control("GET", "/requests", **filters)["requests"]

    def state(self, path):
        """Returns a document of the controller, such as `apps/www/release`."""
        return self.control("GET", "/state/" + path)

    def api(self, method, path, body=None):
        """Calls the controller itself, as a client would: a status and a document."""
        key = base64.b64encode((":" + self.key).encode()).decode()
        return _send(method, self.url + path, {"Authorization": "Basic " + key}, body)


def _send(method, url, headers, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {**headers, "Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with _OPENER.open(request, timeout=30) as answer:
            text, status = answer.read(), answer.status
    except urllib.error.HTTPError as error:
        with error:
            text, status = error.read(), error.code
    try:
        return status, json.loads(text) if text else None
    except ValueError:
        return status, text.decode()
