"""The four nodes; none knows another, `graph.build` wires them."""
