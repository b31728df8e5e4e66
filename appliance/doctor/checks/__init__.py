"""The checks, by subject; `appliance.doctor.run` has the order of the report."""
