"""Drives `mock-controller` from Python: python3 -m unittest discover flynn-mock/tests/clients

The environment variable MOCK_CONTROLLER names the program.
"""

import http.client
import os
import unittest
import urllib.error

from mock_controller import ControlError, MockController

SEED = os.path.join(os.path.dirname(__file__), "apps.toml")


class ControlTest(unittest.TestCase):
    def setUp(self):
        self.mock = MockController("--pace", "at-once", "--key", "the-key", seed=SEED)
        self.addCleanup(self.mock.close)

    def scale(self, web):
        release = self.mock.state("apps/www/release")["id"]
        path = f"/apps/www/formations/{release}"
        return self.mock.api("PUT", path, {"processes": {"web": web}})

    def running(self):
        jobs = self.mock.state("apps/www/jobs")
        return sum(job["state"] == "up" and job["type"] == "web" for job in jobs)

    def test_the_seed_is_there(self):
        self.assertEqual(self.mock.key, "the-key")
        self.assertEqual(self.mock.state("apps/www/release")["env"]["GREETING"], "hello")
        self.assertEqual(self.running(), 2)
        status, app = self.mock.api("GET", "/apps/www")
        self.assertEqual((status, app["name"]), (200, "www"))

    def test_more_is_seeded_later(self):
        created = self.mock.control("POST", "/seed", {"apps": [{"name": "blog"}]})
        self.assertEqual(created, {"apps": ["blog"]})
        self.assertEqual(self.mock.api("GET", "/apps/blog")[0], 200)
        with self.assertRaises(ControlError) as refused:
            self.mock.control("POST", "/seed", {"apps": [{"name": "blog"}]})
        self.assertEqual(refused.exception.status, 409)

    def test_a_fault_strikes_the_second_and_third_request(self):
        fault = {"kind": "status", "status": 503, "retry": True}
        fault_id = self.mock.fault("AppList", fault, skip=1, times=2)
        statuses = [self.mock.api("GET", "/apps")[0] for _ in range(4)]
        self.assertEqual(statuses, [200, 503, 503, 200])
        self.assertEqual(self.mock.control("GET", f"/faults/{fault_id}")["hits"], 2)

    def test_a_fault_strikes_one_path_until_it_is_lifted(self):
        fault = {"kind": "status", "status": 500}
        fault_id = self.mock.fault("AppGet", fault, path="/apps/www", until_lifted=True)
        self.assertEqual(self.mock.api("GET", "/apps/www")[0], 500)
        self.assertEqual(self.mock.api("GET", "/apps/router")[0], 200)
        self.mock.control("DELETE", f"/faults/{fault_id}")
        self.assertEqual(self.mock.api("GET", "/apps/www")[0], 200)

    def test_a_connection_breaks_after_the_request_is_handled(self):
        self.mock.fault("AppCreate", {"kind": "drop_after"})
        broken = (ConnectionError, http.client.HTTPException, urllib.error.URLError)
        with self.assertRaises(broken):
            self.mock.api("POST", "/apps", {"name": "made"})
        self.assertEqual(self.mock.state("apps/made")["name"], "made")

    def test_an_answer_is_replaced(self):
        answer = {"kind": "answer", "status": 200, "body": [{"name": "fake"}]}
        self.mock.fault("AppList", answer)
        self.assertEqual(self.mock.api("GET", "/apps"), (200, [{"name": "fake"}]))

    def test_requests_are_recorded(self):
        self.mock.api("POST", "/apps", {"name": "made"})
        self.mock.api("GET", "/apps/made")
        (create,) = self.mock.requests(op="AppCreate")
        self.assertEqual(create["json"], {"name": "made"})
        self.assertEqual(len(self.mock.requests(path_prefix="/apps", min=2)), 2)
        with self.assertRaises(ControlError) as timed_out:
            self.mock.requests(op="AppDelete", min=1, timeout_ms=10)
        self.assertEqual(timed_out.exception.status, 408)
        self.mock.control("DELETE", "/requests")
        self.assertEqual(self.mock.requests(), [])

    def test_the_pace_is_by_hand(self):
        self.mock.control("PUT", "/clock/pace", {"pace": "by-hand"})
        self.scale(3)
        self.assertEqual(self.running(), 2)
        self.assertTrue(self.mock.control("POST", "/clock/step")["stepped"])
        self.mock.control("POST", "/clock/run-to-end")
        self.assertEqual(self.running(), 3)

    def test_the_clock_is_moved(self):
        with MockController("--clock", "2026-01-01T00:00:00Z") as mock:
            mock.control("POST", "/clock/advance", {"seconds": 90})
            now = mock.control("GET", "/clock")["now"]
            self.assertEqual(now, "2026-01-01T00:01:30Z")

    def test_a_cluster_is_gone_for_a_while(self):
        self.mock.control("POST", "/shut-down")
        with self.assertRaises(urllib.error.URLError) as refused:
            self.mock.api("GET", "/apps/www")
        self.assertIsInstance(refused.exception.reason, ConnectionRefusedError)
        self.mock.control("POST", "/restart")
        self.assertEqual(self.mock.api("GET", "/apps/www")[0], 200)

    def test_a_snapshot_is_restored(self):
        self.mock.control("PUT", "/snapshots/before")
        self.mock.api("DELETE", "/apps/www")
        self.assertEqual(self.mock.api("GET", "/apps/www")[0], 404)
        self.mock.control("POST", "/snapshots/before/restore")
        self.assertEqual(self.mock.api("GET", "/apps/www")[0], 200)

    def test_everything_is_reset(self):
        self.mock.api("POST", "/apps", {"name": "made"})
        self.mock.fault("AppList", {"kind": "drop_before"}, until_lifted=True)
        self.mock.control("POST", "/reset")
        self.assertEqual(self.mock.requests(), [])
        self.assertEqual(self.mock.api("GET", "/apps")[0], 200)
        self.assertEqual(self.mock.api("GET", "/apps/made")[0], 404)

    def test_a_line_is_logged(self):
        self.mock.control("POST", "/apps/www/log", {"line": "out of memory"})
        _, log = self.mock.api("GET", "/apps/www/log?lines=1")
        self.assertEqual(log["msg"], "out of memory")

    def test_the_token_is_needed(self):
        self.mock.facts["token"] = "wrong"
        with self.assertRaises(ControlError) as refused:
            self.mock.control("GET", "/cluster")
        self.assertEqual(refused.exception.status, 401)

    def test_an_unknown_field_is_refused(self):
        with self.assertRaises(ControlError) as refused:
            self.mock.fault("AppList", {"kind": "status", "status": 503}, time=2)
        self.assertEqual(refused.exception.status, 400)
        self.assertIn("unknown field `time`", str(refused.exception))


if __name__ == "__main__":
    unittest.main()
