"""The engine: builds an experiment, drives ignite, and keeps the run folder."""
