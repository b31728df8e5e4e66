"""The checks, by what they look at; `appliance.doctor.run` has the order of the report."""
