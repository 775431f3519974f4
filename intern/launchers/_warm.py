"""What the warm server of the local launcher imports, once per study: all that a stage may need. It dies with the
coordinator, whose end it would not notice before the imports are done."""

import os

from intern import plugins
from intern.trial import lifetime, worker

lifetime.die_with_parent(os.getppid())
worker.load(plugins.names("stages"))
