"""``python -m bench.http``."""

import sys

from bench.http.inspection import main

sys.exit(main())
