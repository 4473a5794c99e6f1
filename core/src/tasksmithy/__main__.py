"""`python -m tasksmithy`: the same as the command `tasksmithy`."""

import sys

from tasksmithy.cli import main

if __name__ == "__main__":
    sys.exit(main())
