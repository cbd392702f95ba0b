"""`python -m waldur_import_agent`."""

import sys

from waldur_import_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
