"""Documents that tests compare with: contract, OpenAPI, schemas, playbooks."""
