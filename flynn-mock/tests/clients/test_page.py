"""Runs the examples in Python of the page TESTING.md."""

import os
import re
import unittest

import mock_controller

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "..", "TESTING.md")


class PageTest(unittest.TestCase):
    def test_the_examples_run(self):
        with open(PAGE, encoding="utf-8") as file:
            page = file.read()
        examples = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        self.assertEqual(len(examples), 2)
        seed = os.path.join(HERE, "apps.toml")
        for example in examples:
            code = example.replace('"apps.toml"', repr(seed))
            exec(code, {"MockController": mock_controller.MockController})

    def test_the_seed_of_the_page_is_the_one_that_is_used(self):
        with open(PAGE, encoding="utf-8") as page:
            with open(os.path.join(HERE, "apps.toml"), encoding="utf-8") as seed:
                self.assertIn(seed.read(), page.read())


if __name__ == "__main__":
    unittest.main()
