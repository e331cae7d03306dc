"""Templates compared, on one video and on every row of a file, and summed up. The forward passes are in ``loss``.

Sequences that begin alike become a tree (:mod:`~vtg_core.loss.token_tree`), which runs behind a cache
(:mod:`~vtg_core.loss.continuation`, :mod:`~vtg_core.loss.shared_pass`) and gives what each template costs on
one video (:mod:`~vtg_core.comparison.on_video`). Over the rows of a file (:mod:`~vtg_core.comparison.on_file`) these become
results (:mod:`~vtg_core.comparison.results`) that are kept (:mod:`~vtg_core.comparison.store`) and summed up
(:mod:`~vtg_core.comparison.analytics`).
"""
