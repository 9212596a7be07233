"""Statistics: arrays in, dataclasses out; imports nothing of Coread but itself.

One rule for what cannot be computed, in the whole package:

- **Input that is wrong** (shapes that do not fit, one reader where two are needed, NaN or infinity where it is not declared to be
  allowed, a level outside (0, 1), an unknown name) is a ``ValueError`` of one sentence.
- **Input that is right but leaves the statistic without a value** (constant scores, too few subjects, no disagreement to estimate
  an error from) is an answer: an :class:`~coread.stats.estimate.Estimate` whose ``estimate`` (or whose ``low`` and ``high``) is
  None and whose ``undefined`` says why. So a table over sites keeps its row, and no NaN ever leaves the package.
"""
