"""The processes of a lab node: their definitions, launch, supervision and health."""
