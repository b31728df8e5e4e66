"""The guide to drop reasons for operators: ``secbeat reasons`` and docs/reasons.md.

Name, stage, modes and meaning come from ``reasons.def``, the rule types from the policy. The TOML
files beside this module add the standards that define the check, the legitimate traffic that it can
hit, and the advice for that case.
"""
