"""``python -m bench``."""

import sys

from bench.packets.run import main

sys.exit(main())
