"""Imported last by the process that commands of tests are forked from: none of them looks through its libraries."""

import gc

gc.collect()
gc.freeze()
