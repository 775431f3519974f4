"""What the warm server of the local launcher imports, once per study: all that a stage may need."""

from intern import plugins
from intern.trial import worker

worker.load(plugins.names("stages"))
