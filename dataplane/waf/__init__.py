"""WAF rules in the data plane: the rule, its compilation, and the databases in force.

Nothing here is per packet. A separate process compiles rules (`compiling.helper`); the control loop
only maps the finished databases (`rules`).
"""
