"""What an operator has to know of each drop reason: ``secbeat reasons`` and docs/reasons.md.

Name, stage, modes and meaning come from ``reasons.def``, the rule types from the policy; the TOML
files beside this add what neither can say: the documents that define the rule, the legitimate
traffic that it can hit, and what to do then.
"""
