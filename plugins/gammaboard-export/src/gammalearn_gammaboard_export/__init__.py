"""Files that GammaBoard opens, and figures of ctaplot, of trained networks: a plug-in of gammalearn-core."""
