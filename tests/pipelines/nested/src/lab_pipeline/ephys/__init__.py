from . import probe, session
