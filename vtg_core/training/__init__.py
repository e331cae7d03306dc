"""How the demo model learns: clips of our own, our dataset, our collator, and a loop of a hundred lines.

:mod:`lessons` say what is shown in which order, :mod:`loop` takes the steps, and :mod:`evaluation` asks on fresh clips
what has been learnt. ``python -m vtg_core.demo.train`` runs it all.
"""
