"""``python -m eoras``: the command ``eoras``."""

import sys

from eoras.cli import main

sys.exit(main())
