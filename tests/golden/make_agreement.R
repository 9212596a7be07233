# Golden numbers for agreement, measurement error and resampling, from R.
#
# Run in this folder: Rscript make_agreement.R
# Needs (Debian): r-base-core r-cran-psych r-cran-vcd r-cran-psy r-cran-boot r-cran-jsonlite
# Reads the tables beside it, all printed in papers:
#   shrout_fleiss_1979.csv   Shrout & Fleiss, Psychol Bull 1979;86:420, table 2
#   fleiss_1971.csv          Fleiss, Psychol Bull 1971;76:378, table 1: 30 patients, how many of 6 psychiatrists gave each diagnosis
#   bland_altman_1986.csv    Bland & Altman, Lancet 1986;i:307, table 1: peak expiratory flow, two meters, two readings each
#   krippendorff_2011.csv    Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, example C (for the tests only)
# The 4 x 4 table below is Hout, Duncan & Sobel, Sociol Methodol 1987;17:145, as in Agresti, Categorical Data Analysis, 1990.
# Writes agreement_r.json: numbers only, with the versions of what computed them.
suppressMessages({library(psych); library(vcd); library(psy); library(boot); library(jsonlite)})

judges <- read.csv("shrout_fleiss_1979.csv")[, -1]
iccs <- ICC(judges, lmer = FALSE)$results
icc <- lapply(seq_len(6), function(i) list(estimate = iccs$ICC[i], low = iccs$`lower bound`[i], high = iccs$`upper bound`[i]))
names(icc) <- c("1", "A,1", "C,1", "k", "A,k", "C,k")

couples <- matrix(c(7, 7, 2, 3, 2, 8, 3, 7, 1, 5, 4, 9, 2, 8, 9, 14), nrow = 4, byrow = TRUE)
kappa <- lapply(list(linear = "Equal-Spacing", quadratic = "Fleiss-Cohen"), function(w) {
  k <- Kappa(as.table(couples), weights = w)
  list(unweighted = as.list(c(k$Unweighted, confint(k)["Unweighted", ])), weighted = as.list(c(k$Weighted, confint(k)["Weighted", ])))
})

counts <- as.matrix(read.csv("fleiss_1971.csv"))
raters <- t(apply(counts, 1, function(r) rep(seq_along(r), r)))
light <- list(unweighted = lkappa(raters), squared = lkappa(raters, type = "weighted", weights = "squared"))

flow <- read.csv("bland_altman_1986.csv")
d <- flow$WrightFirst - flow$MiniWrightFirst
m <- (flow$WrightFirst + flow$MiniWrightFirst) / 2
n <- length(d)
z <- qnorm(0.975)
fit <- lm(d ~ m)
exact <- suppressWarnings(qt(c(0.025, 0.975), n - 1, ncp = z * sqrt(n))) * sd(d) / sqrt(n)
noncentrality <- function(t, p) uniroot(function(x) suppressWarnings(pt(t, n - 1, ncp = x)) - p, c(-20, 20), tol = 1e-12)$root
change <- flow$WrightSecond - flow$WrightFirst + 10
t_change <- sqrt(n) * mean(change) / sd(change)
limits <- list(
  bias = mean(d), bias_ci = as.numeric(t.test(d)$conf.int), sd = sd(d), upper_exact = mean(d) + exact,
  slope = as.numeric(coef(fit)[2]), slope_ci = as.numeric(confint(fit)[2, ]), slope_p = summary(fit)$coefficients[2, 4],
  srm = mean(change) / sd(change), srm_ci = c(noncentrality(t_change, 0.975), noncentrality(t_change, 0.025)) / sqrt(n)
)

set.seed(1)
resampled <- boot(flow$WrightFirst, function(x, i) c(mean(x[i]), sd(x[i])), R = 99999)
intervals <- lapply(c(mean = 1, sd = 2), function(j) {
  ci <- boot.ci(resampled, index = j, type = c("perc", "bca"), L = empinf(resampled, index = j, type = "jack"))
  list(percentile = ci$percent[4:5], bca = ci$bca[4:5])
})

versions <- lapply(setNames(nm = c("psych", "vcd", "psy", "boot")), function(p) as.character(packageVersion(p)))
write(toJSON(list(
  versions = c(R = R.version.string, versions), icc = icc, kappa = kappa, light = light, limits = limits, bootstrap = intervals
), auto_unbox = TRUE, digits = 12, pretty = TRUE), "agreement_r.json")
