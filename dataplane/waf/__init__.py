"""WAF rules in the data plane: what one is, how it is compiled, which databases are in force.

Nothing here is per packet. Rules are compiled by a process of its own (`compiling.helper`);
the control loop only maps what that has finished (`rules`).
"""
