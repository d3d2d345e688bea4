"""``python -m cyborg_models`` is ``cyborg-models``."""

import sys

from cyborg_models.cli import main

sys.exit(main())
