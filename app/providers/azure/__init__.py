"""Azure: a subscription's inventory, read through Azure Resource Graph and Azure Resource Manager."""
