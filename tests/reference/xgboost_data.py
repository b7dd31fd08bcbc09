"""Data for the XGBoost parity cases: made, not measured, so that they reach the corners that real data miss."""
import numpy as np

ROWS = 203  # prime, so that no row block divides it


class Data:
    """Training rows, targets of every kind, and rows to predict, for one seed."""

    def __init__(self, seed, rows=600, features=9, missing=0.0):
        rng = np.random.default_rng(seed)
        self.rng = rng
        self.x = self._features(rng, rows, features)
        signal = self.x[:, 0] - 0.7 * self.x[:, 1] + np.sin(3 * self.x[:, 2]) + 0.2 * rng.standard_normal(rows)
        self.signal = signal
        self.regression = (10 * signal + 130).astype(np.float32)
        self.unit = 1 / (1 + np.exp(-signal))
        self.binary = (signal > 0.3).astype(np.float32)
        self.classes = np.digitize(signal, np.quantile(signal, [0.25, 0.5, 0.75])).astype(np.float32)
        self.counts = rng.poisson(np.exp(0.5 * signal)).astype(np.float32)
        self.positive = np.exp(0.5 * signal + 0.1 * rng.standard_normal(rows)).astype(np.float32)
        self.relevance = np.clip(np.digitize(signal, [-1, 0, 1]), 0, 3).astype(np.float32)
        self.groups = np.full(rows // 20, 20)
        self.multi = np.stack([signal, 2 * signal - 1, np.cos(signal)], axis=1).astype(np.float32)
        self.test = np.concatenate([self.x[:ROWS // 2], self._features(rng, ROWS - ROWS // 2, features)])
        if missing > 0:
            self.x[rng.random(self.x.shape) < missing] = np.nan
            self.test[rng.random(self.test.shape) < missing] = np.nan
            self.test[0] = np.nan
        self._corners()

    @staticmethod
    def _features(rng, rows, features):
        x = rng.standard_normal((rows, features)).astype(np.float32)
        x[:, 3] = np.round(4 * x[:, 3])              # few distinct values: thresholds are hit exactly
        x[:, 4] = (x[:, 4] > 0)                      # an indicator
        x[:, 5] = np.exp(8 * x[:, 5])                # many orders of magnitude
        return x

    def _corners(self):
        """Rows at the ends of float32. The library refuses infinities itself."""
        big, tiny = np.finfo(np.float32).max, np.float32(1e-45)
        self.test[1] = big
        self.test[2] = -big
        self.test[3] = tiny
        self.test[4] = -tiny
        self.test[5] = np.float32(-0.0)
        self.test[6] = 0

    def categorical(self, levels=(4, 7, 40)):
        """Replaces the last columns by category codes that carry signal, and returns their feature types."""
        first = self.x.shape[1] - len(levels)
        for j, n in enumerate(levels):
            effect = self.rng.standard_normal(n)
            codes = self.rng.integers(0, n, self.x.shape[0])
            missing = np.isnan(self.x[:, first + j])
            self.x[:, first + j] = np.where(missing, np.nan, codes)
            self.regression += (8 * effect[codes]).astype(np.float32)
            test_missing = np.isnan(self.test[:, first + j])
            # Codes the training rows never had are legal: they lie in no split's set.
            seen = self.rng.integers(0, n + 3, self.test.shape[0])
            self.test[:, first + j] = np.where(test_missing, np.nan, seen)
        self.binary = (self.regression > np.median(self.regression)).astype(np.float32)
        return ["q"] * first + ["c"] * len(levels)
