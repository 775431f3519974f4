"""What every plug-in of a kind must do, so that the rest can rely on it: a module for each kind, each with `check`.

`tests/test_conformance.py` runs every plug-in that is found through them, those of INTERN_PLUGINS and entry points too:

    INTERN_PLUGINS=~/mine python -m pytest tests/test_conformance.py -k mine
"""
