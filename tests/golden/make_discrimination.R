# Golden numbers for discrimination, calibration and agreement of calls, from R.
#
# Run in this folder: Rscript make_discrimination.R
# Needs (Debian): r-base-core r-cran-proc r-cran-epir r-cran-survey r-cran-survival r-cran-jsonlite
# Reads asah.csv; writes discrimination.json: numbers only, with the versions of what computed them.
suppressMessages({library(pROC); library(epiR); library(survey); library(survival); library(jsonlite)})

study <- read.csv("asah.csv")
markers <- c("s100b", "wfns", "ndka")
curves <- lapply(setNames(markers, markers), function(m) roc(study$poor, study[[m]], levels = c(0, 1), direction = "<", quiet = TRUE))
part <- function(curve, range, focus, correct) as.numeric(auc(curve, partial.auc = range, partial.auc.focus = focus, partial.auc.correct = correct))

auc_numbers <- lapply(curves, function(curve) list(
  auc = as.numeric(auc(curve)), ci = as.numeric(ci.auc(curve))[c(1, 3)], ci90 = as.numeric(ci.auc(curve, conf.level = 0.9))[c(1, 3)],
  variance = as.numeric(var(curve)),
  specificity_90_100 = part(curve, c(1, 0.9), "sp", FALSE), specificity_90_100_corrected = part(curve, c(1, 0.9), "sp", TRUE),
  specificity_60_85 = part(curve, c(0.85, 0.6), "sp", FALSE), sensitivity_80_90_corrected = part(curve, c(0.9, 0.8), "se", TRUE)
))
pairs <- list(c("s100b", "wfns"), c("s100b", "ndka"), c("wfns", "ndka"))
tests <- lapply(pairs, function(p) {
  t <- roc.test(curves[[p[1]]], curves[[p[2]]], method = "delong", paired = TRUE)
  list(models = p, z = as.numeric(t$statistic), p_value = t$p.value, ci = as.numeric(t$conf.int))
})
set.seed(1)
bootstrap_se <- sd(replicate(4000, {
  rows <- c(sample(which(study$poor == 1), replace = TRUE), sample(which(study$poor == 0), replace = TRUE))
  part(roc(study$poor[rows], study$s100b[rows], levels = c(0, 1), direction = "<", quiet = TRUE), c(1, 0.9), "sp", FALSE)
}))

# patients: the cases in turns of 30
study$patient <- (seq_len(nrow(study)) - 1) %% 30
numbers_of <- function(c) list(c = as.numeric(c$concordance), variance = as.numeric(c$var))
design <- svydesign(ids = ~patient, weights = ~1, data = transform(study, called = as.numeric(s100b >= 0.2)))
sensitivity <- svyratio(~I(called * poor), ~poor, design)

table22 <- as.table(matrix(c(744, 31, 71, 177), nrow = 2, byrow = TRUE))
accuracy <- epi.tests(table22, method = "wilson", digits = 4)$detail
row <- function(name) as.numeric(accuracy[accuracy$statistic == name, c("est", "lower", "upper")])

study$predicted <- plogis(-1.6 + 3 * study$s100b)
study$x <- qlogis(study$predicted)
wald <- function(fit, i) { s <- coef(summary(fit))[i, ]; c(s[1], s[1] + c(-1, 1) * qnorm(0.975) * s[2]) }
both <- glm(poor ~ x, binomial, study, control = list(epsilon = 1e-14))
large <- glm(poor ~ 1, binomial, study, offset = x, control = list(epsilon = 1e-14))
by_patient <- svyglm(poor ~ x, svydesign(ids = ~patient, weights = ~1, data = study), family = quasibinomial())

p_values <- c(0.01, 0.02, 0.03, 0.04, 0.05, 0.001, 0.5, 0.03)
golden <- list(
  versions = list(R = R.version.string, pROC = as.character(packageVersion("pROC")), epiR = as.character(packageVersion("epiR")),
                  survey = as.character(packageVersion("survey")), survival = as.character(packageVersion("survival"))),
  auc = auc_numbers, paired = tests, partial_bootstrap_se = bootstrap_se,
  concordance = list(
    binary = numbers_of(concordance(poor ~ s100b, study)), binary_by_patient = numbers_of(concordance(poor ~ s100b, study, cluster = patient)),
    ordinal = numbers_of(concordance(wfns ~ s100b, study)), ordinal_by_patient = numbers_of(concordance(wfns ~ s100b, study, cluster = patient))),
  clustered_sensitivity = list(threshold = 0.2, estimate = as.numeric(coef(sensitivity)), se = as.numeric(SE(sensitivity))),
  binary = list(counts = c(744, 31, 71, 177), sensitivity = row("se"), specificity = row("sp"), ppv = row("pv.pos"), npv = row("pv.neg"),
                accuracy = row("diag.ac"), positive_likelihood_ratio = row("lr.pos"), negative_likelihood_ratio = row("lr.neg")),
  mcnemar = list(discordant = c(12, 2), p_value = binom.test(2, 14)$p.value),
  logistic = list(slope = wald(both, 2), intercept = wald(both, 1), in_the_large = wald(large, 1), slope_se_by_patient = as.numeric(SE(by_patient)[2])),
  isotonic = list(y = c(0, 1, 0, 0, 1, 1, 0, 1), fit = isoreg(c(0, 1, 0, 0, 1, 1, 0, 1))$yf),
  p_adjust = list(p = p_values, holm = p.adjust(p_values, "holm"), benjamini_hochberg = p.adjust(p_values, "BH"))
)
write(toJSON(golden, auto_unbox = TRUE, digits = 12, pretty = TRUE), "discrimination.json")
