"""The connector server: a cluster hands tasks over by gRPC, and this process does them."""
