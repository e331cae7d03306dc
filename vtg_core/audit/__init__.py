"""The mask audit: what is wrong with the labels of a batch, ours or anyone's, and why. No loss and no page.

A batch becomes rows (:mod:`~vtg_core.audit.row.row`), independent readings say which tokens should be trained
(:mod:`~vtg_core.audit.row.readings`), and each family of checks (``mask``, ``stop``, ``parity``, ``length``, ``time``,
``answer``) yields findings (:mod:`~vtg_core.audit.findings`).
"""
