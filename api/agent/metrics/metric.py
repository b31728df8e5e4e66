"""A metric as data: name, type, help, labels, and how its samples are read from the statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, Literal, TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from dataplane.shared.stats import LatencyHistogram

Source = TypeVar("Source")
Sample = tuple[tuple[str, ...], float]
_NS_PER_S = 1e9


@dataclass(frozen=True)
class Scalar(Generic[Source]):
    """A counter or gauge; ``read`` yields label values, in the order of ``labels``, and a value."""

    kind: Literal["counter", "gauge"]
    name: str
    text: str
    read: Callable[[Source], Iterable[Sample]]
    labels: tuple[str, ...] = ()

    def family(self, source: Source | None) -> Metric:
        """The metric family; without statistics it has no samples."""
        make = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = make(self.name, self.text, labels=self.labels)
        if source is not None:
            for values, value in self.read(source):
                family.add_metric(values, value)
        return family


@dataclass(frozen=True)
class Histogram(Generic[Source]):
    """A histogram in seconds, made from one in nanoseconds."""

    name: str
    text: str
    read: Callable[[Source], LatencyHistogram]

    def family(self, source: Source | None) -> Metric:
        """The metric family; without statistics it has no samples."""
        family = HistogramMetricFamily(self.name, self.text)
        if source is not None:
            histogram = self.read(source)
            bounds = [repr(bound / _NS_PER_S) for bound in histogram.bounds_ns]
            cumulative = accumulate(histogram.buckets)
            buckets = list(zip([*bounds, "+Inf"], cumulative, strict=True))
            family.add_metric((), buckets, histogram.sum_ns / _NS_PER_S)
        return family


def single(value: float) -> Iterator[Sample]:
    """The one sample of a metric without labels."""
    yield (), value


def families(
    metrics: Sequence[Scalar[Source] | Histogram[Source]], source: Source | None
) -> Iterator[Metric]:
    """The metric families of a table of metrics."""
    for metric in metrics:
        yield metric.family(source)
