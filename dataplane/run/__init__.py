"""The data plane process: EAL, ports, workers and the control loop. `process` composes it."""
