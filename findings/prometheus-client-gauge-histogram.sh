#!/usr/bin/env bash
# prometheus-client 0.26.0: in the text format a gauge histogram is called a histogram and has neither _sum nor _count.
#
# A good guess: the text format 0.0.4 knows no gauge histogram, so it comes as a histogram with _bucket, _sum and _count, or as
# untyped. Seen: its type is histogram, its buckets stand there, but sum and count become two gauge families of their own,
# _gsum and _gcount, behind it. So histogram_quantile() works over it, and every query or dashboard that divides by _count
# finds nothing. OpenMetrics has it as one family. SecBeat's age of heartbeats on port 9091 is such a one; a gauge of
# the maximum stands beside it.
#
# Runs without SecBeat, in a temporary folder. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check prometheus-client==0.26.0
"$folder/venv/bin/python" - <<'END'
import sys

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeHistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics


class Ages:
    def collect(self):
        yield GaugeHistogramMetricFamily(
            "age_seconds", "Ages.", buckets=[("10.0", 3.0), ("+Inf", 4.0)], gsum_value=42.0
        )


registry = CollectorRegistry()
registry.register(Ages())
text = generate_latest(registry).decode()
whole = openmetrics(registry).decode()
print(text)
print(whole)
types = [line for line in text.splitlines() if line.startswith("# TYPE")]
sys.exit(
    not (
        types
        == [
            "# TYPE age_seconds histogram",
            "# TYPE age_seconds_gcount gauge",
            "# TYPE age_seconds_gsum gauge",
        ]
        and "age_seconds_count" not in text
        and "age_seconds_sum" not in text
        and "# TYPE age_seconds gaugehistogram" in whole
    )
)
END
