"""Proofs that are fetched instead of handed in: what is asked of which register, and what its answer does to a case.

`answers` says where every answer of a form comes from, `asking` what is asked, what a rule puts in a proof's place and what
time ends, `judging` which answers come from a source that was not asked: all pure. `work` does it to locked cases.
"""
