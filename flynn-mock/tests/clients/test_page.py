"""Runs the examples of the page TESTING.md in Python and, if it is installed, in Go."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import mock_controller

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "..", "TESTING.md")


class PageTest(unittest.TestCase):
    def examples(self, language):
        with open(PAGE, encoding="utf-8") as file:
            return re.findall(rf"^```{language}\n(.*?)^```", file.read(), re.DOTALL | re.MULTILINE)

    def test_the_examples_run(self):
        examples = self.examples("python")
        self.assertEqual(len(examples), 2)
        seed = os.path.join(HERE, "apps.toml")
        for example in examples:
            code = example.replace('"apps.toml"', repr(seed))
            exec(code, {"MockController": mock_controller.MockController})

    @unittest.skipUnless(shutil.which("go"), "Go is not installed")
    def test_the_example_in_go_runs(self):
        (example,) = self.examples("go")
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "deploy_test.go"), "w", encoding="utf-8") as file:
                file.write(example)
            program = os.environ.get("MOCK_CONTROLLER", "mock-controller")
            os.symlink(shutil.which(program), os.path.join(folder, "mock-controller"))
            path = folder + os.pathsep + os.environ["PATH"]
            go = subprocess.run(
                ["go", "test", "deploy_test.go"],
                cwd=folder,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
            )
        self.assertEqual(go.returncode, 0, go.stdout + go.stderr)

    def test_the_seed_of_the_page_is_the_one_that_is_used(self):
        with open(PAGE, encoding="utf-8") as page:
            with open(os.path.join(HERE, "apps.toml"), encoding="utf-8") as seed:
                self.assertIn(seed.read(), page.read())


if __name__ == "__main__":
    unittest.main()
