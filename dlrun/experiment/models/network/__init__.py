"""Networks: layers in a row, or by branches."""
