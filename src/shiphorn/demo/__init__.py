"""A local fleet and a sample application to try shiphorn on."""
