import ca.uhn.fhir.batch2.api.IJobCoordinator;
import ca.uhn.fhir.batch2.api.IJobPartitionProvider;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.config.HapiJpaConfig;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.validation.ValidatorPolicyAdvisor;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.server.storage.IDeleteExpungeJobSubmitter;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.interceptor.RequestValidatingInterceptor;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import ca.uhn.fhir.validation.IInstanceValidatorModule;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import jakarta.persistence.EntityManagerFactory;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.Properties;
import javax.sql.DataSource;
import org.apache.commons.dbcp2.BasicDataSource;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/**
 * HAPI FHIR JPA as it comes, R4 on H2 in memory, with every write validated. It listens on 127.0.0.1 at the port of
 * its first argument (a free one when that is 0 or missing) below /fhir, prints "READY port", and ends when its
 * standard input does, that is when the process that started it has closed it or is gone.
 */
public final class HapiServer {

  public static void main(String[] arguments) throws Exception {
    endWithStandardInput();
    var context = new AnnotationConfigApplicationContext();
    context.register(Config.class);
    context.addBeanFactoryPostProcessor(HapiServer::makeLazy);
    context.refresh();

    var server = new Server();
    var connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    connector.setPort(arguments.length == 0 ? 0 : Integer.parseInt(arguments[0]));
    server.addConnector(connector);
    var handler = new ServletContextHandler("/");
    handler.addServlet(new ServletHolder(restfulServer(context)), "/fhir/*");
    server.setHandler(handler);
    server.start();
    System.out.println("READY " + connector.getLocalPort());
  }

  private static void endWithStandardInput() {
    var watcher = new Thread(() -> {
      try {
        while (System.in.read() >= 0) { /* nothing is said */ }
      } catch (IOException gone) { /* so is the parent */ }
      Runtime.getRuntime().halt(0);
    });
    watcher.setDaemon(true);
    watcher.start();
  }

  /** Most of HAPI's beans serve what nobody asks for here. Listeners need this one to be there first. */
  private static void makeLazy(ConfigurableListableBeanFactory factory) {
    for (var name : factory.getBeanDefinitionNames()) {
      factory.getBeanDefinition(name).setLazyInit(!name.equals("searchParamRegistry"));
    }
  }

  private static RestfulServer restfulServer(AnnotationConfigApplicationContext context) {
    var systemDao = context.getBean(IFhirSystemDao.class);
    var server = new RestfulServer(context.getBean(FhirContext.class));
    server.setDefaultResponseEncoding(EncodingEnum.JSON);
    server.registerProviders(context.getBean(ResourceProviderFactory.class).createProviders());
    server.registerProvider(context.getBean(JpaSystemProvider.class));
    server.setPagingProvider(context.getBean(DatabaseBackedPagingProvider.class));
    server.setServerConformanceProvider(new JpaCapabilityStatementProvider(
        server,
        systemDao,
        context.getBean(JpaStorageSettings.class),
        context.getBean(ISearchParamRegistry.class),
        context.getBean(IValidationSupport.class)));
    var validation = new RequestValidatingInterceptor();
    validation.addValidatorModule(context.getBean(IInstanceValidatorModule.class));
    validation.setFailOnSeverity(ResultSeverityEnum.ERROR);
    server.registerInterceptor(validation);
    return server;
  }

  @Configuration
  @Import({JpaR4Config.class, HapiJpaConfig.class, ThreadPoolFactoryConfig.class})
  static class Config {

    @Bean
    JpaStorageSettings storageSettings() {
      var settings = new JpaStorageSettings();
      settings.setSchedulingDisabled(true);
      // A study of another system may have its patient on another server.
      settings.setAllowExternalReferences(true);
      return settings;
    }

    @Bean
    PartitionSettings partitionSettings() {
      return new PartitionSettings();
    }

    @Bean
    SubscriptionSettings subscriptionSettings() {
      return new SubscriptionSettings();
    }

    @Bean
    DataSource dataSource() {
      var pool = new BasicDataSource();
      pool.setUrl("jdbc:h2:mem:hapi;DB_CLOSE_DELAY=-1");
      pool.setMaxTotal(64);
      return pool;
    }

    @Bean
    LocalContainerEntityManagerFactoryBean entityManagerFactory(
        DataSource dataSource,
        ConfigurableListableBeanFactory factory,
        FhirContext fhir,
        JpaStorageSettings settings) {
      var properties = new Properties();
      properties.setProperty("hibernate.dialect", HapiFhirH2Dialect.class.getName());
      properties.setProperty("hibernate.hbm2ddl.auto", "create");
      properties.setProperty("hibernate.search.enabled", "false");
      var entities = HapiEntityManagerFactoryUtil.newEntityManagerFactory(factory, fhir, settings);
      entities.setPersistenceUnitName("HAPI");
      entities.setDataSource(dataSource);
      entities.setJpaProperties(properties);
      return entities;
    }

    @Bean
    JpaTransactionManager transactionManager(EntityManagerFactory entities) {
      return new JpaTransactionManager(entities);
    }

    /**
     * R4 binds sopClass to a value set that HAPI does not have: one warning an instance, and the validator's time grows
     * with the square of its messages. A study of 20,000 instances takes 10 s without them, 60 s with them.
     */
    @Bean
    ValidatorPolicyAdvisor jpaValidatorPolicyAdvisor() {
      return new ValidatorPolicyAdvisor() {
        @Override
        public boolean isSuppressMessageId(String path, String messageId) {
          return "Terminology_TX_ValueSet_NotFound".equals(messageId) || super.isSuppressMessageId(path, messageId);
        }
      };
    }

    @Bean
    IJobCoordinator jobCoordinator() {
      return absent(IJobCoordinator.class);
    }

    @Bean
    IJobPartitionProvider jobPartitionProvider() {
      return absent(IJobPartitionProvider.class);
    }

    @Bean
    IDeleteExpungeJobSubmitter deleteExpungeJobSubmitter() {
      return absent(IDeleteExpungeJobSubmitter.class);
    }

    /** Batch jobs need a scheduler and tables of their own, and no test uses them. Spring compares beans. */
    private static <T> T absent(Class<T> type) {
      var proxy = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) ->
          switch (method.getName()) {
            case "hashCode" -> System.identityHashCode(self);
            case "equals" -> self == arguments[0];
            case "toString" -> "no " + type.getSimpleName();
            default -> throw new UnsupportedOperationException(type.getSimpleName() + " is not part of this server");
          });
      return type.cast(proxy);
    }
  }
}
