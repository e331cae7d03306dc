"""Questions that only mean something of a model that knows its task. What they cost and how they look is elsewhere.

:mod:`controls` ask whether it uses the video, :mod:`generation` what it would answer itself, and :mod:`overfit`
whether training on this mask teaches the answer. Each works on any checkpoint, and says which it cannot do and why.
"""
