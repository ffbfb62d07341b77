"""What the suite's own tests share: pytest's runner of test files in a directory of their own."""

pytest_plugins = ["pytester"]
